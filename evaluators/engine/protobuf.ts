// Protobuf's wire format, as far as writing ONNX needs it.

/** A growing protobuf message. Strings and nested messages are length-delimited fields. */
export class Message {
  #bytes = new Uint8Array(256);
  #length = 0;

  varint(field: number, value: number | bigint): this {
    this.#raw(BigInt(field << 3));
    this.#raw(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  float(field: number, value: number): this {
    this.#raw(BigInt((field << 3) | 5));
    return this.#append(new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    this.#raw(BigInt((field << 3) | 2));
    this.#raw(BigInt(value.length));
    return this.#append(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #raw(value: bigint): void {
    const out: number[] = [];
    let rest = value;
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      out.push(rest === 0n ? low : low | 0x80);
    } while (rest !== 0n);
    this.#append(Uint8Array.from(out));
  }

  #append(chunk: Uint8Array): this {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = needed;
    return this;
  }
}
