// The database schema. Results are rows that are written once and never changed; only `run_locks` is rewritten.
//
//   runs          one row a run: the normalised spec and what the run was made with
//   run_events    started, resumed, interrupted, finished, failed; a run's state is its last event
//   candidates    distinct genomes of a run, numbered from 0, with their exact costs
//   trainings     one row an attempt to train one architecture to one rung; several candidates may share one
//   measurements  one row an attempt to measure a deployment of an architecture at a rung
//   noise_profiles   how much each way of storing its layers would disturb an architecture at a rung
//   pairs         one row an attempt to measure how much of a draft a deployed target accepts
//   evaluations   what became of candidate c at rung r; numbered in the order in which the search asked
//   objective_values   the metrics of an evaluation that went well, natural units (never NaN)
//   fronts, front_members   the non-dominated feasible candidates and their hypervolume, per generation
//   surrogate_reports   how well the model of the loss foretold what it had not seen, per fit
//   loss_forecasts   what storing its weights was foretold to do to an evaluation's loss, and what it did
//   run_locks     which process works on a run, with its heartbeat
//
// Times are milliseconds since 1970 (UTC). JSON columns hold canonical JSON. `user_version` counts migrations.

/** Marks the file as ours ("PARF"), so that another program's database is never touched. */
export const APPLICATION_ID = 0x50415246;

const VERSION_1 = `
CREATE TABLE runs (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  spec_json TEXT NOT NULL CHECK (json_valid(spec_json)),
  spec_sha256 TEXT NOT NULL,
  corpus_sha256 TEXT NOT NULL,
  objectives_json TEXT NOT NULL CHECK (json_valid(objectives_json)),
  versions_json TEXT NOT NULL CHECK (json_valid(versions_json)),
  spec_folder TEXT NOT NULL
) STRICT;

CREATE TABLE run_events (
  run_id TEXT NOT NULL REFERENCES runs(id),
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('started', 'resumed', 'interrupted', 'finished', 'failed')),
  detail_json TEXT CHECK (detail_json IS NULL OR json_valid(detail_json)),
  PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE candidates (
  run_id TEXT NOT NULL REFERENCES runs(id),
  number INTEGER NOT NULL CHECK (number >= 0),
  key TEXT NOT NULL,
  architecture_hash TEXT NOT NULL,
  architecture_json TEXT NOT NULL CHECK (json_valid(architecture_json)),
  deployment_json TEXT NOT NULL CHECK (json_valid(deployment_json)),
  origin TEXT NOT NULL,
  parents_json TEXT NOT NULL CHECK (json_valid(parents_json)),
  deployed_costs_json TEXT NOT NULL CHECK (json_valid(deployed_costs_json)),
  trained_costs_json TEXT NOT NULL CHECK (json_valid(trained_costs_json)),
  PRIMARY KEY (run_id, number),
  UNIQUE (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX candidates_by_architecture ON candidates (run_id, architecture_hash);

CREATE TABLE trainings (
  run_id TEXT NOT NULL REFERENCES runs(id),
  architecture_hash TEXT NOT NULL,
  rung INTEGER NOT NULL CHECK (rung >= 0),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  state TEXT NOT NULL CHECK (state IN ('ok', 'diverged', 'timed-out', 'out-of-memory', 'failed', 'cancelled')),
  reason TEXT,
  loss REAL CHECK (loss IS NULL OR (loss = loss AND abs(loss) < 1e300)),
  steps INTEGER,
  tokens INTEGER,
  train_seconds REAL,
  compile_seconds REAL,
  wall_seconds REAL NOT NULL,
  checkpoint TEXT,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, architecture_hash, rung, attempt),
  CHECK ((state = 'ok') = (loss IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
  run_id TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 0),
  candidate INTEGER NOT NULL,
  rung INTEGER NOT NULL CHECK (rung >= 0),
  state TEXT NOT NULL CHECK (state IN ('ok', 'diverged', 'timed-out', 'out-of-memory', 'failed', 'infeasible')),
  reason TEXT,
  architecture_hash TEXT NOT NULL,
  attempt INTEGER,
  violations_json TEXT NOT NULL CHECK (json_valid(violations_json)),
  feasible INTEGER NOT NULL CHECK (feasible IN (0, 1)),
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, number),
  UNIQUE (run_id, candidate, rung),
  FOREIGN KEY (run_id, candidate) REFERENCES candidates(run_id, number),
  FOREIGN KEY (run_id, architecture_hash, rung, attempt)
    REFERENCES trainings(run_id, architecture_hash, rung, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE objective_values (
  run_id TEXT NOT NULL,
  evaluation INTEGER NOT NULL,
  metric TEXT NOT NULL,
  value REAL NOT NULL CHECK (value = value AND abs(value) < 1e300),
  PRIMARY KEY (run_id, evaluation, metric),
  FOREIGN KEY (run_id, evaluation) REFERENCES evaluations(run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE fronts (
  run_id TEXT NOT NULL REFERENCES runs(id),
  generation INTEGER NOT NULL CHECK (generation >= 1),
  n_told INTEGER NOT NULL,
  rung INTEGER NOT NULL,
  hypervolume REAL NOT NULL CHECK (hypervolume >= 0),
  stored_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE front_members (
  run_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  candidate INTEGER NOT NULL,
  evaluation INTEGER NOT NULL,
  PRIMARY KEY (run_id, generation, candidate),
  FOREIGN KEY (run_id, generation) REFERENCES fronts(run_id, generation),
  FOREIGN KEY (run_id, candidate) REFERENCES candidates(run_id, number),
  FOREIGN KEY (run_id, evaluation) REFERENCES evaluations(run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE surrogate_reports (
  run_id TEXT NOT NULL REFERENCES runs(id),
  number INTEGER NOT NULL CHECK (number >= 0),
  report_json TEXT NOT NULL CHECK (json_valid(report_json)),
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_locks (
  run_id TEXT PRIMARY KEY REFERENCES runs(id),
  token TEXT NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  heartbeat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW run_states AS
  SELECT runs.id AS run_id,
    (SELECT kind FROM run_events WHERE run_id = runs.id ORDER BY sequence DESC LIMIT 1) AS last_event,
    (SELECT at FROM run_events WHERE run_id = runs.id ORDER BY sequence DESC LIMIT 1) AS last_event_at
  FROM runs;

CREATE VIEW evaluation_results AS
  SELECT evaluations.*, trainings.loss, trainings.steps, trainings.tokens,
    trainings.train_seconds, trainings.compile_seconds, trainings.wall_seconds, trainings.checkpoint
  FROM evaluations LEFT JOIN trainings USING (run_id, architecture_hash, rung, attempt);
`;

const VERSION_2 = `
CREATE TABLE measurements (
  run_id TEXT NOT NULL REFERENCES runs(id),
  architecture_hash TEXT NOT NULL,
  rung INTEGER NOT NULL CHECK (rung >= 0),
  deployment_hash TEXT NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  state TEXT NOT NULL CHECK (state IN ('ok', 'diverged', 'timed-out', 'out-of-memory', 'failed', 'cancelled')),
  reason TEXT,
  loss REAL CHECK (loss IS NULL OR (loss = loss AND abs(loss) < 1e300)),
  encoded_bits REAL,
  expected_bits REAL,
  layer_bits_json TEXT CHECK (layer_bits_json IS NULL OR json_valid(layer_bits_json)),
  disturbance_json TEXT CHECK (disturbance_json IS NULL OR json_valid(disturbance_json)),
  wall_seconds REAL NOT NULL,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, architecture_hash, rung, deployment_hash, attempt),
  CHECK ((state = 'ok') = (loss IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE noise_profiles (
  run_id TEXT NOT NULL REFERENCES runs(id),
  architecture_hash TEXT NOT NULL,
  rung INTEGER NOT NULL CHECK (rung >= 0),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  state TEXT NOT NULL CHECK (state IN ('ok', 'diverged', 'timed-out', 'out-of-memory', 'failed', 'cancelled')),
  reason TEXT,
  table_json TEXT CHECK (table_json IS NULL OR json_valid(table_json)),
  wall_seconds REAL NOT NULL,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, architecture_hash, rung, attempt),
  CHECK ((state = 'ok') = (table_json IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Evaluations of before have neither: their loss is that of the model as it was trained.
ALTER TABLE evaluations ADD COLUMN deployment_hash TEXT;
ALTER TABLE evaluations ADD COLUMN measurement INTEGER;

DROP VIEW evaluation_results;
CREATE VIEW evaluation_results AS
  SELECT evaluations.*,
    CASE WHEN evaluations.measurement IS NULL THEN trainings.loss ELSE measurements.loss END AS loss,
    trainings.loss AS trained_loss, measurements.encoded_bits, measurements.expected_bits,
    trainings.steps, trainings.tokens,
    trainings.train_seconds, trainings.compile_seconds, trainings.wall_seconds, trainings.checkpoint
  FROM evaluations
  LEFT JOIN trainings USING (run_id, architecture_hash, rung, attempt)
  LEFT JOIN measurements ON measurements.run_id = evaluations.run_id
    AND measurements.architecture_hash = evaluations.architecture_hash
    AND measurements.rung = evaluations.rung
    AND measurements.deployment_hash = evaluations.deployment_hash
    AND measurements.attempt = evaluations.measurement;
`;

/** A deployment that stored each layer in one way, as one that stores attention and feed-forward by themselves. */
const byPart = (deployment: string) => `json_object(
  'embedding', json_object('sparsity', 0, 'weightFormat', ${deployment} ->> '$.headFormat'),
  'kvCacheFormat', ${deployment} ->> '$.kvCacheFormat',
  'layers', (SELECT json_group_array(json_object('attention', json(value), 'feedForward', json(value)))
    FROM json_each(${deployment}, '$.layers')),
  'nCards', ${deployment} -> '$.nCards')`;

/** Choices for the layers, in the words of now. */
const choicesOf = (property: string) => `CASE WHEN spec_json -> '$.deployment.${property}.perLayer'
  THEN json_object('choices', spec_json -> '$.deployment.${property}.choices', 'kind', 'alike')
  ELSE json_object('choices', spec_json -> '$.deployment.${property}.choices', 'kind', 'alike', 'nGroups', 1) END`;

const VERSION_3 = `
UPDATE candidates SET deployment_json = ${byPart('deployment_json')};
UPDATE runs SET spec_json = json_set(spec_json,
  '$.deployment.weightFormat', ${choicesOf('weightFormat')},
  '$.deployment.sparsity', ${choicesOf('sparsity')},
  '$.deployment.headSparsity', json_array(0));
UPDATE runs SET spec_json = json_set(spec_json,
  '$.baseline.deployment', ${byPart("(spec_json -> '$.baseline.deployment')")})
  WHERE json_type(spec_json, '$.baseline') IS NOT NULL;
`;

const VERSION_4 = `
CREATE TABLE loss_forecasts (
  run_id TEXT NOT NULL,
  evaluation INTEGER NOT NULL,
  n_observations INTEGER NOT NULL,
  foretold_change REAL NOT NULL,
  measured_change REAL NOT NULL,
  PRIMARY KEY (run_id, evaluation),
  FOREIGN KEY (run_id, evaluation) REFERENCES evaluations(run_id, number)
) STRICT, WITHOUT ROWID;
`;

const VERSION_5 = `
CREATE TABLE pairs (
  run_id TEXT NOT NULL REFERENCES runs(id),
  architecture_hash TEXT NOT NULL,
  rung INTEGER NOT NULL CHECK (rung >= 0),
  deployment_hash TEXT NOT NULL,
  draft_hash TEXT NOT NULL,
  alignment_steps INTEGER NOT NULL CHECK (alignment_steps >= 0),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  state TEXT NOT NULL CHECK (state IN ('ok', 'diverged', 'timed-out', 'out-of-memory', 'failed', 'cancelled')),
  reason TEXT,
  draft_json TEXT NOT NULL CHECK (json_valid(draft_json)),
  acceptance REAL CHECK (acceptance IS NULL OR acceptance BETWEEN 0 AND 1),
  standard_error REAL,
  lengths_json TEXT CHECK (lengths_json IS NULL OR json_valid(lengths_json)),
  wall_seconds REAL NOT NULL,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, architecture_hash, rung, deployment_hash, draft_hash, alignment_steps, attempt),
  CHECK ((state = 'ok') = (lengths_json IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What became of a candidate's draft; NULL where it has none.
ALTER TABLE evaluations ADD COLUMN speculation_json TEXT
  CHECK (speculation_json IS NULL OR json_valid(speculation_json));
`;

const VERSION_6 = `
ALTER TABLE trainings ADD COLUMN donor_hash TEXT;
ALTER TABLE trainings ADD COLUMN inherited_loss REAL;

DROP VIEW evaluation_results;
CREATE VIEW evaluation_results AS
  SELECT evaluations.*,
    CASE WHEN evaluations.measurement IS NULL THEN trainings.loss ELSE measurements.loss END AS loss,
    trainings.loss AS trained_loss, measurements.encoded_bits, measurements.expected_bits,
    trainings.steps, trainings.tokens, trainings.donor_hash, trainings.inherited_loss,
    trainings.train_seconds, trainings.compile_seconds, trainings.wall_seconds, trainings.checkpoint
  FROM evaluations
  LEFT JOIN trainings USING (run_id, architecture_hash, rung, attempt)
  LEFT JOIN measurements ON measurements.run_id = evaluations.run_id
    AND measurements.architecture_hash = evaluations.architecture_hash
    AND measurements.rung = evaluations.rung
    AND measurements.deployment_hash = evaluations.deployment_hash
    AND measurements.attempt = evaluations.measurement;
`;

/** Migration i takes a file from version i to i + 1. Never edit one that was released; append. */
export const MIGRATIONS: readonly string[] = [
  VERSION_1,
  VERSION_2,
  VERSION_3,
  VERSION_4,
  VERSION_5,
  VERSION_6,
];
