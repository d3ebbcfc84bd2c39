// The measurements of docs/compression.md.
// npx tsx bench/compression/main.ts train | measure RESULTS.jsonl [NAME] | tables RESULTS.jsonl | predict
//                                   | big-file FOLDER NLAYERS FORMAT SPARSITY
import type { WeightFormat } from '../../space/number-formats.ts';
import { compressBigFile } from './big-file.ts';
import { measureAll } from './measure.ts';
import { comparePredictors } from './predict.ts';
import { printTables } from './tables.ts';
import { benchDataset, trainedWeights } from './trained-model.ts';

const [command, ...words] = process.argv.slice(2);
const word = (i: number): string => {
  const value = words[i];
  if (value === undefined) throw new Error(`${command} needs more words: see the first lines of this file`);
  return value;
};
if (command === 'train') await trainedWeights(benchDataset());
else if (command === 'measure') await measureAll(word(0), words[1]);
else if (command === 'tables') printTables(word(0));
else if (command === 'predict') await comparePredictors();
else if (command === 'big-file')
  compressBigFile(word(0), Number(word(1)), word(2) as WeightFormat, Number(word(3)));
else throw new Error('see the first lines of this file for the commands');
