// Writes. What is changed is shown at once and sent behind that. When the server refuses, the page
// shows again what was, and the dialog comes back with what was typed and why.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { notify, toast } from "../state.ts";
import { Button, Dialog } from "./basic.tsx";

export interface Action<T> {
  message: string; // once it is shown
  change: (shown: T) => T; // done twice, it does no more than once
  send: () => Promise<unknown>;
  undo?: Action<T>;
}

let last: Promise<unknown> = Promise.resolve(); // of what is sent: no write overtakes another

/** What was loaded with the actions on it that the server has not answered yet; and what performs one:
 * its promise is refused where the server refuses. `set` keeps those that were done. */
export function useOptimistic<T>(loaded: T | null | undefined, set: (change: (loaded: T) => T) => void) {
  const [pending, setPending] = useState<Action<T>[]>([]);
  const shown = useMemo(
    () => loaded && pending.reduce<T>((now, action) => action.change(now), loaded),
    [loaded, pending],
  );
  const perform = async (action: Action<T>): Promise<void> => {
    const { undo } = action;
    setPending((before) => [...before, action]);
    const answer = last.then(action.send);
    last = answer.catch(() => {});
    // What was refused needs no undoing.
    const shownMessage = notify(
      action.message,
      undo && { undo: () => perform({ ...undo, send: () => answer.then(undo.send, () => {}) }) },
    );
    try {
      await answer;
      set(action.change);
    } catch (error) {
      if (toast.value === shownMessage) toast.value = null;
      throw error;
    } finally {
      setPending((before) => before.filter((each) => each !== action));
    }
  };
  return [shown, perform] as const;
}

interface Question {
  title: string;
  action: string;
  fields: ComponentChildren;
  waits?: boolean; // is only closed when it is done
  save: (given: FormData) => Promise<unknown>;
}

const questions = signal<Question[]>([]);

/** Asks for something in a dialog, which lives on when the page is left: an answer may be refused late. */
export const ask = (question: Question) => void (questions.value = [...questions.value, question]);

export const Questions = () => questions.value.map((each) => <Asking key={each} of={each} />);

function Asking({ of }: { of: Question }) {
  const [sent, setSent] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const end = () => void (questions.value = questions.value.filter((each) => each !== of));
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setSent(true);
    try {
      await of.save(new FormData(event.target as HTMLFormElement));
      end();
    } catch (error) {
      setError((error as Error).message);
      setSent(false);
    }
  };
  return (
    <Dialog title={of.title} onClose={end} hidden={sent && !of.waits}>
      <form onSubmit={submit}>
        {of.fields}
        {error && (
          <p class="status FAILED" role="alert">
            {error}
          </p>
        )}
        <div class="ends">
          <Button onClick={end}>Cancel</Button>
          <Button type="submit" main disabled={sent}>
            {of.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
