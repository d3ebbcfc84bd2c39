// Makes reports on a thread of its own: a run of 100,000 candidates takes seconds, and the server must answer meanwhile.
import { createHash } from 'node:crypto';
import { buildReport } from '../report/report-data.ts';
import { RunReader } from '../store/queries.ts';

export interface ReportTask {
  readonly databasePath: string;
  readonly runId: string;
  readonly replaySeconds: number;
}

/** A document that is ready to be sent, with a name that changes whenever it does. */
export interface Prepared {
  readonly json: string;
  readonly version: string;
}

export default function prepareReport({ databasePath, runId, replaySeconds }: ReportTask): Prepared {
  const reader = new RunReader(databasePath);
  try {
    const json = JSON.stringify(buildReport(reader, runId, { now: Date.now, replaySeconds }));
    return { json, version: `"${createHash('sha256').update(json).digest('hex').slice(0, 16)}"` };
  } finally {
    reader.close();
  }
}
