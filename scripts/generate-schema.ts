// Writes what follows from the schema of the YAML file: the JSON Schema for editors, the type for programs and the
// tables of its reference.
import { readFileSync, writeFileSync } from 'node:fs';
import { specJsonSchema } from '../space/json-schema.ts';
import { withReference } from './spec-reference.ts';
import { specTypes } from './spec-types.ts';

const schema = new URL('../schema/space.schema.json', import.meta.url);
writeFileSync(schema, `${JSON.stringify(specJsonSchema(), null, 2)}\n`);
writeFileSync(new URL('../space/definition.ts', import.meta.url), specTypes());
const page = new URL('../docs/search-space.md', import.meta.url);
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
