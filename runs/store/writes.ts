// The prepared statements of the writer, made once per connection.
import type Database from 'better-sqlite3';

export type WriteStatements = Readonly<
  Record<
    | 'insertRun'
    | 'insertEvent'
    | 'candidateKey'
    | 'insertCandidate'
    | 'insertTraining'
    | 'insertMeasurement'
    | 'insertProfile'
    | 'insertPair'
    | 'evaluationIdentity'
    | 'insertEvaluation'
    | 'insertObjectiveValue'
    | 'frontIdentity'
    | 'insertFront'
    | 'insertFrontMember'
    | 'insertSurrogateReport'
    | 'insertLossForecast',
    Database.Statement
  >
>;

/** Prepares every statement that writes, and those that check what is there before writing. */
export function prepareWrites(database: Database.Database): WriteStatements {
  return {
    insertRun: database.prepare(`
      INSERT INTO runs (id, name, created_at, spec_json, spec_sha256, corpus_sha256, objectives_json, versions_json,
        spec_folder)
      VALUES (@id, @name, @at, @specJson, @specSha256, @corpusSha256, @objectivesJson, @versionsJson,
        @specFolder)`),
    insertEvent: database.prepare(`
      INSERT INTO run_events (run_id, sequence, at, kind, detail_json)
      VALUES (@runId, (SELECT count(*) FROM run_events WHERE run_id = @runId), @at, @kind, @detailJson)`),
    candidateKey: database.prepare('SELECT key FROM candidates WHERE run_id = ? AND number = ?').pluck(),
    insertCandidate: database.prepare(`
      INSERT INTO candidates (run_id, number, key, architecture_hash, architecture_json, deployment_json, origin,
        parents_json, deployed_costs_json, trained_costs_json)
      VALUES (@runId, @number, @key, @architectureHash, @architectureJson, @deploymentJson, @origin,
        @parentsJson, @deployedCostsJson, @trainedCostsJson)`),
    insertTraining: database.prepare(`
      INSERT INTO trainings (run_id, architecture_hash, rung, attempt, state, reason, loss, steps, tokens,
        train_seconds, compile_seconds, wall_seconds, checkpoint, donor_hash, inherited_loss,
        finished_at)
      VALUES (@runId, @architectureHash, @rung, @attempt, @state, @reason, @loss, @steps, @tokens,
        @trainSeconds, @compileSeconds, @wallSeconds, @checkpoint, @donorHash, @inheritedLoss,
        @at)`),
    insertMeasurement: database.prepare(`
      INSERT INTO measurements (run_id, architecture_hash, rung, deployment_hash, attempt, state, reason, loss,
        encoded_bits, expected_bits, layer_bits_json, disturbance_json, wall_seconds, finished_at)
      VALUES (@runId, @architectureHash, @rung, @deploymentHash, @attempt, @state, @reason, @loss,
        @encodedBits, @expectedBits, @layerBitsJson, @disturbanceJson, @wallSeconds, @at)`),
    insertProfile: database.prepare(`
      INSERT INTO noise_profiles (run_id, architecture_hash, rung, attempt, state, reason, table_json, wall_seconds,
        finished_at)
      VALUES (@runId, @architectureHash, @rung, @attempt, @state, @reason, @tableJson, @wallSeconds, @at)`),
    insertPair: database.prepare(`
      INSERT INTO pairs (run_id, architecture_hash, rung, deployment_hash, draft_hash, alignment_steps, attempt, state,
        reason, draft_json, acceptance, standard_error, lengths_json, wall_seconds, finished_at)
      VALUES (@runId, @architectureHash, @rung, @deploymentHash, @draftHash, @alignmentSteps, @attempt, @state,
        @reason, @draftJson, @acceptance, @standardError, @lengthsJson, @wallSeconds, @at)`),
    evaluationIdentity: database.prepare(
      'SELECT candidate, rung, state, violations_json AS violations FROM evaluations WHERE run_id = ? AND number = ?',
    ),
    insertEvaluation: database.prepare(`
      INSERT INTO evaluations (run_id, number, candidate, rung, state, reason, architecture_hash, attempt,
        deployment_hash, measurement, speculation_json, violations_json, feasible, finished_at)
      VALUES (@runId, @number, @candidate, @rung, @state, @reason, @architectureHash, @attempt,
        @deploymentHash, @measurement, @speculationJson, @violations, @feasible, @at)`),
    insertObjectiveValue: database.prepare(
      'INSERT INTO objective_values (run_id, evaluation, metric, value) VALUES (?, ?, ?, ?)',
    ),
    frontIdentity: database.prepare(
      'SELECT n_told AS nTold, rung, hypervolume FROM fronts WHERE run_id = ? AND generation = ?',
    ),
    insertFront: database.prepare(`
      INSERT INTO fronts (run_id, generation, n_told, rung, hypervolume, stored_at)
      VALUES (@runId, @generation, @nTold, @rung, @hypervolume, @at)`),
    insertFrontMember: database.prepare(
      'INSERT INTO front_members (run_id, generation, candidate, evaluation) VALUES (?, ?, ?, ?)',
    ),
    insertLossForecast: database.prepare(`
      INSERT OR IGNORE INTO loss_forecasts (run_id, evaluation, n_observations, foretold_change, measured_change)
      VALUES (@runId, @evaluation, @nObservations, @foretoldChange, @measuredChange)`),
    insertSurrogateReport: database.prepare(
      'INSERT OR IGNORE INTO surrogate_reports (run_id, number, report_json) VALUES (?, ?, ?)',
    ),
  };
}
