// Cholesky factors of dense symmetric matrices, row-major in one Float64Array.

/** Lower factor L of the n x n matrix, in place; undefined where the matrix is not positive definite. */
export function choleskyInPlace(matrix: Float64Array, n: number): Float64Array | undefined {
  for (let i = 0; i < n; i++) {
    const rowI = i * n;
    for (let j = 0; j <= i; j++) {
      const rowJ = j * n;
      let sum = matrix[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= matrix[rowI + k]! * matrix[rowJ + k]!;
      if (i === j) {
        if (!(sum > 0)) return undefined;
        matrix[rowI + i] = Math.sqrt(sum);
      } else {
        matrix[rowI + j] = sum / matrix[rowJ + j]!;
      }
    }
  }
  return matrix;
}

/** Solves L x = b in place. */
export function solveLower(factor: Float64Array, n: number, b: Float64Array): Float64Array {
  for (let i = 0; i < n; i++) {
    let sum = b[i]!;
    const row = i * n;
    for (let k = 0; k < i; k++) sum -= factor[row + k]! * b[k]!;
    b[i] = sum / factor[row + i]!;
  }
  return b;
}

/** Solves L' x = b in place. */
export function solveUpper(factor: Float64Array, n: number, b: Float64Array): Float64Array {
  for (let i = n - 1; i >= 0; i--) {
    const value = b[i]! / factor[i * n + i]!;
    b[i] = value;
    const row = i * n;
    for (let k = 0; k < i; k++) b[k]! -= value * factor[row + k]!;
  }
  return b;
}
