// How good it is: the public face of the room.
export { type Corpus, CorpusError, loadCorpus } from './data/corpus.ts';
export { type Dataset, prepareDataset } from './data/dataset.ts';
export type { TrainingOutcome, TrainingSuccess } from './outcome.ts';
export { createTrainerPool, type PoolSettings } from './pool/pool.ts';
export type { Evaluator, TrainingProgress, TrainingTask } from './port.ts';
