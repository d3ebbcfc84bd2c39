// Writes schema/space.schema.json from the schema that validates the YAML file.
import { writeFileSync } from 'node:fs';
import { specJsonSchema } from '../space/json-schema.ts';

const file = new URL('../schema/space.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(specJsonSchema(), null, 2)}\n`);
