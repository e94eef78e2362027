// Which runs are selected: some, or all that match but some.
export class Choice {
  constructor(
    readonly everything = false,
    readonly ids: ReadonlySet<string> = new Set(), // selected, or with everything those that are not
  ) {}

  has(id: string): boolean {
    return this.ids.has(id) !== this.everything;
  }

  count(total: number): number {
    return this.everything ? total - this.ids.size : this.ids.size;
  }

  with(ids: string[], on: boolean): Choice {
    const next = new Set(this.ids);
    for (const id of ids) on === this.everything ? next.delete(id) : next.add(id);
    return new Choice(this.everything, next);
  }
}
