import { describe, expect, it } from 'vitest';
import { toLlamaTensors } from '../../../evaluators/interchange/llama-tensors.ts';
import { parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { countParameters } from '../../../space/architecture.ts';
import { architectureOf, layer, modelOf, UNLIKE } from './models.ts';

describe('tensors of a Llama checkpoint', () => {
  it('bear the names and shapes that transformers gives them', () => {
    const { architecture, weights } = modelOf(
      architectureOf({ tieEmbeddings: false, layers: [layer(4, 2, 20)] }),
    );
    const shapes = toLlamaTensors(architecture, weights).map(
      ({ name, shape }) => `${name} ${shape.join('x')}`,
    );
    expect(shapes).toEqual([
      'model.embed_tokens.weight 50x24',
      'model.layers.0.input_layernorm.weight 24',
      'model.layers.0.self_attn.q_proj.weight 16x24',
      'model.layers.0.self_attn.k_proj.weight 8x24',
      'model.layers.0.self_attn.v_proj.weight 8x24',
      'model.layers.0.self_attn.o_proj.weight 24x16',
      'model.layers.0.post_attention_layernorm.weight 24',
      'model.layers.0.mlp.gate_proj.weight 20x24',
      'model.layers.0.mlp.up_proj.weight 20x24',
      'model.layers.0.mlp.down_proj.weight 24x20',
      'model.norm.weight 24',
      'lm_head.weight 50x24',
    ]);
  });

  it('hold the same numbers, matrices the other way round', () => {
    const { architecture, weights } = modelOf(UNLIKE);
    const specs = new Map(parameterSpecs(architecture).map((spec) => [spec.name, spec]));
    let nParameters = 0;
    for (const { parameter, shape, data } of toLlamaTensors(architecture, weights)) {
      nParameters += data.length;
      const [rows, cols] = specs.get(parameter)!.shape as [number, number?];
      const known = weights[parameter]!;
      if (cols === undefined || parameter === 'embedding') {
        expect([...data]).toEqual([...known]);
        continue;
      }
      expect(shape).toEqual([cols, rows]);
      for (let row = 0; row < rows; row++)
        for (let col = 0; col < cols; col++)
          if (data[col * rows + row] !== known[row * cols + col])
            expect.fail(`${parameter} at ${row}, ${col}`);
    }
    expect(nParameters).toBe(countParameters(architecture));
  });

  it('have no head where it is the embedding', () => {
    const { architecture, weights } = modelOf(architectureOf());
    expect(toLlamaTensors(architecture, weights).map(({ name }) => name)).not.toContain('lm_head.weight');
  });
});
