import { defineConfig } from 'vitest/config';

const full = process.env.FULL_TESTS === '1';

export default defineConfig({
  // Imports of 'paretoformer' mean the sources.
  ssr: { resolve: { conditions: ['paretoformer-source'] } },
  test: {
    globalSetup: 'test/temporary-root.ts',
    include: ['test/**/*.test.ts'],
    exclude: full ? [] : ['test/**/*.full.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: full ? 600_000 : 60_000,
    hookTimeout: 60_000,
  },
});
