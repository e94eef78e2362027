// Names with slashes as folders. No DOM.

export type Leaf<T> = { kind: "leaf"; depth: number; text: string; of: T };
export type Folder<T> = { kind: "folder"; depth: number; text: string; path: string; open: boolean; inside: T[] };

/** The lines of a tree, in the order of what it is made of; a folder comes where its first thing
 * does. A folder that has nothing but one folder is written with it: team/vision. */
export function folders<T>(all: T[], nameOf: (each: T) => string, closed: Set<string>): (Leaf<T> | Folder<T>)[] {
  const walk = (some: T[], before: string, depth: number): (Leaf<T> | Folder<T>)[] => {
    const groups = new Map<string, T[]>();
    for (const each of some) {
      const rest = nameOf(each).slice(before.length);
      const slash = rest.indexOf("/", 1);
      const key = slash < 0 ? rest : rest.slice(0, slash + 1);
      groups.set(key, [...(groups.get(key) ?? []), each]);
    }
    return [...groups].flatMap(([key, inside]) => {
      if (!key.endsWith("/") || key.length + before.length === nameOf(inside[0]).length) {
        return inside.map((of): Leaf<T> => ({ kind: "leaf", depth, text: nameOf(of).slice(before.length), of }));
      }
      const path = common(inside.map(nameOf), before + key);
      const open = !closed.has(path);
      const head: Folder<T> = { kind: "folder", depth, text: path.slice(before.length), path, open, inside };
      return open ? [head, ...walk(inside, path, depth + 1)] : [head];
    });
  };
  return walk(all, "", 0);
}

/** The longest path of folders that all names begin with, `path` at least. */
function common(names: string[], path: string): string {
  for (let slash = names[0].indexOf("/", path.length); slash > 0; slash = names[0].indexOf("/", slash + 1)) {
    const longer = names[0].slice(0, slash + 1);
    if (!names.every((name) => name.startsWith(longer) && name.length > longer.length)) break;
    path = longer;
  }
  return path;
}
