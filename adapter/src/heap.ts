// A priority queue: the least comes first.
export class Heap<T> {
  #items: T[] = [];
  constructor(readonly less: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.#items.length;
  }
  get first(): T | undefined {
    return this.#items[0];
  }
  clear(): void {
    this.#items = [];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.less(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length > 0) this.#sink(0, last!);
    return first;
  }

  removeIf(condition: (item: T) => boolean): void {
    this.#items = this.#items.filter((item) => !condition(item));
    for (let i = (this.#items.length >> 1) - 1; i >= 0; --i) this.#sink(i, this.#items[i]!);
  }

  #sink(at: number, item: T): void {
    const items = this.#items;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.less(items[child + 1]!, items[child]!)) ++child;
      if (!this.less(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}
