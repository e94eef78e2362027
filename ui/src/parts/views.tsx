// Named views: an address of the page under a name, kept in the browser.
import { useState } from "preact/hooks";
import { experimentHref, go, place } from "../route.ts";
import { copy, read, write } from "../state.ts";
import { Button, Item, Menu } from "./basic.tsx";

interface View {
  name: string;
  query: string;
}

export function Views({ experiment }: { experiment: string }) {
  const store = `views.${experiment}`;
  const [views, setViews] = useState<View[]>(() => JSON.parse(read(store) ?? "[]"));
  const save = (next: View[]) => {
    write(store, JSON.stringify(next));
    setViews(next);
  };
  const keep = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = String(new FormData(form).get("name")).trim();
    if (!name) return;
    save([...views.filter((each) => each.name !== name), { name, query: place.value.query.toString() }]);
    form.reset();
  };
  return (
    <Menu label="Views" icon="bookmark">
      {(close) => (
        <>
          <h2>Views</h2>
          {views.map((view) => (
            <div class="side" key={view.name}>
              <Item onClick={() => (close(), go(`${experimentHref(experiment)}${view.query ? `?${view.query}` : ""}`))}>
                {view.name}
              </Item>
              <Button
                icon="trash"
                label={`Forget ${view.name}`}
                plain
                onClick={() => save(views.filter((each) => each !== view))}
              />
            </div>
          ))}
          {!views.length && (
            <p class="dim small" style={{ padding: "0 8px 6px" }}>
              A view keeps search, columns, order and charts.
            </p>
          )}
          <form class="side" onSubmit={keep} style={{ padding: "4px" }}>
            <input class="input grow" name="name" placeholder="Name of this view" aria-label="Name of this view" />
            <Button type="submit">Save</Button>
          </form>
          <hr />
          <Item icon="copy" onClick={() => (close(), copy(location.href, "Link copied"))}>
            Copy a link to this view
          </Item>
        </>
      )}
    </Menu>
  );
}
