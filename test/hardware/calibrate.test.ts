import { describe, expect, it } from 'vitest';
import { hwgptFit } from '../../bench/hardware/hwgpt-rows.ts';
import { gptFastRows } from '../../bench/hardware/measured-rows.ts';
import { uniformDeployment } from '../../hardware/deployments.ts';
import {
  type CalibrationRow,
  calibrate,
  estimateCost,
  formatAcceleratorFile,
  HardwareError,
  parseAcceleratorFile,
  parseCalibrationRows,
  readAcceleratorFile,
  toAccelerator,
} from '../../hardware/index.ts';
import { minimise } from '../../hardware/nelder-mead.ts';
import { LLAMA_7B, uniformModel } from './shapes.ts';

describe('the simplex search', () => {
  it('finds the minimum of a curved valley', () => {
    const rosenbrock = ([x, y]: readonly number[]) => (1 - x!) ** 2 + 100 * (y! - x! ** 2) ** 2;
    const found = minimise(rosenbrock, [-1.2, 1], { maxEvaluations: 2000, step: 0.5, tolerance: 1e-14 });
    expect(found.point[0]).toBeCloseTo(1, 4);
    expect(found.point[1]).toBeCloseTo(1, 4);
  });

  it('copes with one dimension and with values that are not numbers', () => {
    const bowl = ([x]: readonly number[]) => (x! < 0 ? Number.NaN : (x! - 2) ** 2);
    const found = minimise(bowl, [0.5], { maxEvaluations: 200, step: 0.3, tolerance: 1e-12 });
    expect(found.point[0]).toBeCloseTo(2, 4);
  });
});

/** Rows that a device with known coefficients would give. */
function syntheticRows(): CalibrationRow[] {
  const truth = structuredClone(readAcceleratorFile('nvidia-a6000'));
  truth.kernels.half!.bandwidthEfficiency.value = 0.6;
  truth.kernels.half!.fixedTime.value = 12;
  truth.stepTime.value = 1;
  const accelerator = toAccelerator(truth);
  const rows: CalibrationRow[] = [];
  for (const dModel of [1024, 2048, 4096]) {
    for (const nLayers of [8, 16, 32]) {
      for (const batch of [1, 8, 32]) {
        const layers = Array.from({ length: nLayers }, () => ({
          nHeads: dModel / 128,
          nKvHeads: dModel / 128,
          dFf: 3 * dModel,
        }));
        const input = {
          architecture: uniformModel({ dModel, layers }),
          deployment: uniformDeployment(nLayers),
          workload: { batch, promptTokens: 256, generatedTokens: 64 },
        };
        const measured = estimateCost({ ...input, accelerator }).decodeSecondsPerToken;
        rows.push({ input, metric: 'decodeSecondsPerToken', measured, group: `${dModel}/${nLayers}` });
      }
    }
  }
  return rows;
}

describe('calibrating to rows', () => {
  it('learns a device from its own rows, and reports the error on rows it has not seen', () => {
    const file = readAcceleratorFile('nvidia-a6000');
    const result = calibrate(file, syntheticRows(), {
      name: 'my-a6000',
      source: 'synthetic',
      maxEvaluations: 250,
      maxFolds: 2,
    });
    expect(result.errorBefore).toBeGreaterThan(0.2);
    expect(result.errorFitted).toBeLessThan(0.03);
    expect(result.errorLeftOut).toBeLessThan(0.05);
    expect(result.nFolds).toBe(2);
    expect(result.file.name).toBe('my-a6000');
    expect(file.name).toBe('nvidia-a6000');
    // The file that comes out is a file that goes in, with the provenance of what moved.
    const again = parseAcceleratorFile(formatAcceleratorFile(result.file), 'my-a6000.yaml');
    const moved = toAccelerator(again).provenance.filter((row) => row.source.includes('synthetic'));
    expect(moved.map((row) => row.path).sort()).toEqual(result.coefficients.map((row) => row.path).sort());
    for (const row of moved) expect(row.status).toBe('fitted');
    expect(toAccelerator(again).validation[0]!.rows).toBe(27);
  });

  it('never moves a published figure', () => {
    const { coefficients } = calibrate(readAcceleratorFile('nvidia-a100-80gb'), gptFastCalibrationRows(), {
      name: 'x',
      source: 'gpt-fast',
      maxEvaluations: 60,
      maxFolds: 1,
    });
    for (const { path } of coefficients) expect(path).not.toMatch(/^(card|peaks|memory)/);
  });

  it('refuses rows that cannot be fitted', () => {
    const file = readAcceleratorFile('nvidia-a6000');
    const settings = { name: 'x', source: 'none' };
    expect(() => calibrate(file, [], settings)).toThrow(HardwareError);
    const broken = syntheticRows().map((row, i) => (i === 3 ? { ...row, measured: 0 } : row));
    expect(() => calibrate(file, broken, settings)).toThrow(/above 0/);
  });
});

function gptFastCalibrationRows(): CalibrationRow[] {
  return gptFastRows().map((row) => ({
    input: row.input,
    metric: 'decodeSecondsPerToken',
    measured: 1 / row.measured,
    group: row.group,
  }));
}

describe('HW-GPT-Bench, calibrated on 100 architectures', () => {
  it('predicts the other 1,400 on A100 within 3 %', () => {
    const result = hwgptFit('a100');
    expect(result.nTrained).toBe(100);
    expect(result.nTested).toBe(1400);
    expect(result.meanError).toBeLessThan(0.03);
    for (const [width, rank] of Object.entries(result.rankByWidth)) {
      expect(rank, `width ${width}`).toBeGreaterThan(0.95);
    }
  });
});

describe('rows from CSV', () => {
  const inline = (cells: string) =>
    parseCalibrationRows(
      `dModel,headDim,vocabSize,nLayers,nHeads,nKvHeads,dFf,weights,batch,prompt,generate,metric,value\n${cells}\n`,
      () => LLAMA_7B,
    );

  it('read a model inline, with lists by layer', () => {
    const [row] = inline('512,64,1000,2,8-4,2,1024-0,mxfp6-e2m3,4,128,64,decodeSecondsPerToken,0.01');
    expect(row!.input.architecture.layers).toEqual([
      { nHeads: 8, nKvHeads: 2, dFf: 1024 },
      { nHeads: 4, nKvHeads: 2, dFf: 0 },
    ]);
    expect(row!.input.deployment.layers[1]!.feedForward.weightFormat).toBe('mxfp6-e2m3');
    expect(row!.input.workload).toEqual({ batch: 4, promptTokens: 128, generatedTokens: 64 });
    expect(row!.measured).toBe(0.01);
  });

  it('read a config by path, with defaults, blank lines and comments', () => {
    const text = 'config,prompt,metric,value,group\n\n# a comment\n"a,b.json",128,prefillSeconds,0.5,mine\n';
    const rows = parseCalibrationRows(text, (config) => {
      expect(config).toBe('a,b.json');
      return LLAMA_7B;
    });
    expect(rows).toHaveLength(1);
    expect(rows[0]!.group).toBe('mine');
    expect(rows[0]!.input.deployment.layers).toHaveLength(32);
  });

  it('say which line and column is wrong', () => {
    expect(() => inline('512,64,1000,2,8-4-2,2,1024,fp16,1,128,64,decodeSecondsPerToken,1')).toThrow(
      'line 2: nHeads has 3 numbers for 2 layers',
    );
    expect(() => inline('512,64,1000,2,8,2,1024,fp61,1,128,64,decodeSecondsPerToken,1')).toThrow(
      /unknown weights "fp61"/,
    );
    expect(() => inline('512,64,1000,2,8,2,1024,fp16,1,128,64,latency,1')).toThrow(/unknown metric/);
    expect(() => inline('512,64,1000,2,8,2,1024,fp16,1,128,64,decodeSecondsPerToken,-1')).toThrow(
      /value must be above 0/,
    );
    expect(() => inline('512,64,1000')).toThrow(/3 cells for 13 columns/);
    expect(() => parseCalibrationRows('config,promt,metric,value\n', () => LLAMA_7B)).toThrow(
      /did you mean "prompt"/,
    );
    expect(() => parseCalibrationRows('config,metric,value\n', () => LLAMA_7B)).toThrow(/no column prompt/);
  });

  it('reads rows whose first cell is empty, quoted cells and a byte-order mark', () => {
    const text =
      '\uFEFFconfig,dModel,headDim,vocabSize,nLayers,nHeads,dFf,prompt,metric,value,group\r\n' +
      ',512,64,1000,2,8,1024,128,prefillSeconds,0.5,"a, ""b"""\r\n';
    const [row] = parseCalibrationRows(text, () => LLAMA_7B);
    expect(row).toMatchObject({ measured: 0.5, group: 'a, "b"', origin: 'line 2' });
    expect(row!.input.architecture.layers).toEqual(
      Array.from({ length: 2 }, () => ({ nHeads: 8, nKvHeads: 8, dFf: 1024 })),
    );
  });

  it('says which row the device cannot be asked for', () => {
    const file = readAcceleratorFile('nvidia-a6000');
    const rows = syntheticRows().slice(0, 5);
    const bad = {
      ...rows[3]!,
      input: { ...rows[3]!.input, workload: { ...rows[3]!.input.workload, batch: 0 } },
    };
    const settings = { name: 'x', source: 'y' };
    const ask = (row: CalibrationRow) => () =>
      calibrate(file, [...rows.slice(0, 3), row, rows[4]!], settings);
    expect(ask({ ...bad, origin: 'line 17' })).toThrow(/^line 17: batch must be/);
    expect(ask(bad)).toThrow(/^row 4: batch must be/);
    expect(ask({ ...rows[3]!, measured: Number.NaN })).toThrow(/^row 4: a measured value must be above 0/);
  });
});
