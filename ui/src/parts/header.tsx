// The header: where one is, and what is there on every page.
import { signal } from "@preact/signals";
import { send, session } from "../api.ts";
import { experimentHref, href, place } from "../route.ts";
import { overlay } from "../state.ts";
import { Button, Item, Menu } from "./basic.tsx";
import { Icon } from "./icon.tsx";

export interface Crumb {
  text: string;
  address: string;
  experiment?: boolean;
}

/** What pages say of where they are; the last is the page itself. */
export const crumbs = signal<Crumb[]>([]);

export const experimentCrumb = (id: string, name: string): Crumb => ({
  text: name,
  address: experimentHref(id),
  experiment: true,
});

async function logOut() {
  await send("logout", { method: "POST" });
  location.reload();
}

export function Logo() {
  return (
    <svg width="20" height="20" viewBox="0 0 16 16" aria-hidden="true">
      <rect width="16" height="16" rx="4" fill="var(--accent)" />
      <path
        d="M3 5c2 6 3.500 6.500 5.500 6.500H13"
        fill="none"
        stroke="var(--on-accent)"
        stroke-width="2"
        stroke-linecap="round"
      />
    </svg>
  );
}

/** Which store the server has: there may be several of both. */
function Store() {
  const name = session.value?.store;
  if (!name) return null;
  return (
    <span class="store clip hide-narrow" title={session.value!.store_uri || name}>
      {name}
    </span>
  );
}

export function Header() {
  const trail = place.value.page === "experiments" ? [] : crumbs.value;
  const user = session.value?.user;
  return (
    <header class="top">
      <a class="brand" href={href("")} aria-label="runlog: all experiments">
        <Logo />
        <span class={trail.length ? "hide-narrow" : ""}>runlog</span>
      </a>
      <nav class="crumbs" aria-label="Where you are">
        <ol>
          {trail.map((crumb, i) => (
            <li key={crumb.address}>
              {i < trail.length - 1 ? (
                <a class="clip" href={crumb.address} data-experiment={crumb.experiment}>
                  {crumb.text}
                </a>
              ) : (
                <span class="clip" aria-current="page" title={crumb.text}>
                  {crumb.text}
                </span>
              )}
            </li>
          ))}
        </ol>
      </nav>
      <Store />
      <a
        class="button plain hide-narrow"
        href={href("models")}
        aria-current={place.value.page === "models" ? "page" : undefined}
      >
        Models
      </a>
      <Button class="jump" aria-label="Go to… Ctrl K" onClick={() => (overlay.value = "palette")}>
        <Icon name="search" />
        <span>Go to…</span>
        <kbd>Ctrl K</kbd>
      </Button>
      <Button icon="settings" label="Settings" plain onClick={() => (overlay.value = "settings")} />
      <Button
        icon="help"
        label="Keys and help"
        keys="?"
        plain
        class="hide-narrow"
        onClick={() => (overlay.value = "help")}
      />
      {user && (
        <Menu label={`Logged in as ${user}`} icon="user" plain>
          {() => (
            <>
              <h2>
                {user} · {session.value!.role}
              </h2>
              <Item icon="out" onClick={logOut}>
                Log out
              </Item>
            </>
          )}
        </Menu>
      )}
    </header>
  );
}
