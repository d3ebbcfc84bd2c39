// Writes what follows from the schema of the YAML file: the JSON Schema for editors and the tables of its reference.
import { readFileSync, writeFileSync } from 'node:fs';
import { specJsonSchema } from '../space/json-schema.ts';
import { withReference } from './spec-reference.ts';

const schema = new URL('../schema/space.schema.json', import.meta.url);
writeFileSync(schema, `${JSON.stringify(specJsonSchema(), null, 2)}\n`);
const page = new URL('../docs/search-space.md', import.meta.url);
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
