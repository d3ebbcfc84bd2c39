// Names that try to become markup, script or the end of one.
import type { RunSpec } from '../../../space/spec.ts';

export const HOSTILE = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'\u2028{{x}}`;

/** The demonstration with a hostile name. The corpus is never opened by these tests, so it may be hostile too. */
export function hostileSpec(spec: RunSpec): RunSpec {
  return { ...spec, name: HOSTILE, task: { ...spec.task, corpus: HOSTILE } };
}
