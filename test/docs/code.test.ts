// TypeScript and JavaScript of the documentation is type-checked; whole programs are run as well. A block that needs
// more than it shows says so in its first line. (docs/formats.md has its own test, which checks every line's value.)
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { blocksIn, ROOT } from './blocks.ts';
import { enterWorld } from './world.ts';

/** What fragments say is there already. */
const GIVEN: Readonly<Record<string, string>> = {
  architecture: "import('paretoformer/space').Architecture",
  deployment: "import('paretoformer/space').Deployment",
  data: "import('paretoformer/evaluators').Dataset",
  weights: "Parameters<typeof import('paretoformer/evaluators').measureDeployment>[2]",
  problem: "import('paretoformer/search').Problem<{ readonly width: number }>",
  train: '(genome: { readonly width: number }, rung: number) => readonly number[]',
};

const FRAGMENT = /^\/\/ A fragment: (.*) (?:are|is) there already\.$/m;

interface Snippet {
  readonly place: string;
  readonly file: string;
  readonly text: string;
  readonly isFragment: boolean;
}

const snippets = blocksIn('ts', 'js', 'mjs')
  .filter(({ file }) => file !== 'docs/formats.md')
  .map(({ place, language, text }): Snippet => {
    const given = FRAGMENT.exec(text)?.[1]?.split(/, | and /) ?? [];
    const prelude = given.map((name) => {
      const type = GIVEN[name];
      if (type === undefined) throw new Error(`${place}: nothing is known of "${name}"`);
      return `declare const ${name}: ${type};\n`;
    });
    const isScript = language !== 'ts' && given.length === 0;
    const file = `${place.replace(/\W+/g, '-')}.${isScript ? 'mjs' : 'ts'}`;
    return { place, file, text: `${prelude.join('')}${text}\nexport {};\n`, isFragment: given.length > 0 };
  });

const { folder, perform } = enterWorld();

beforeAll(async () => {
  mkdirSync(join(folder, 'snippets'));
  for (const { file, text } of snippets) writeFileSync(join(folder, 'snippets', file), text);
  const tsconfig = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      allowJs: true,
      checkJs: true,
      rootDir: '/',
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      // A reader's snippet may name what only a larger program uses.
      noUnusedLocals: false,
    },
    include: ['snippets'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  await perform({ words: ['paretoformer', 'init', 'space.yaml'], isPiped: false });
});

describe('code in the documentation', () => {
  it('type-checks', () => {
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
      'bin',
      'tsc',
    );
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', cwd: folder });
    expect(stdout).toBe('');
  });

  it.each(snippets.filter(({ isFragment }) => !isFragment))(
    'runs: $place',
    { timeout: 120_000 },
    ({ file }) => {
      const argv = [
        '--import',
        import.meta.resolve('tsx'),
        '--conditions=paretoformer-source',
        join('snippets', file),
      ];
      const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', cwd: folder });
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).not.toBe('');
    },
  );
});
