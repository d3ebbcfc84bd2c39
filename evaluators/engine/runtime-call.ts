// Calls into ONNX Runtime, marked while they last.
//
// NOTE: a thread that is ended during such a call takes the whole process with it: onnxruntime-node 1.30 throws where
// nobody can catch ("terminate called after throwing an instance of 'Napi::Error'"). So whoever ends threads must know
// when one is inside.

/** Told of every call of this thread. `enter` may throw, and so keep the call from being made. */
export interface CallGuard {
  enter(): void;
  leave(): void;
}

let guard: CallGuard | undefined;

/** Guards this thread's calls from now on; undefined = nobody needs to know. */
export function guardRuntimeCalls(by: CallGuard | undefined): void {
  guard = by;
}

/** Makes a call into the runtime. */
export async function runtimeCall<T>(call: () => Promise<T>): Promise<T> {
  const told = guard;
  told?.enter();
  try {
    return await call();
  } finally {
    told?.leave();
  }
}
