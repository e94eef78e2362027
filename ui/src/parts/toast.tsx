// A message that passes, and what screen readers are told besides.
import { announcement, toast } from "../state.ts";

export function Toast() {
  const shown = toast.value;
  return (
    <div role="status" aria-live="polite">
      {shown && (
        <div class="toast">
          <span>{shown.text}</span>
          {shown.undo && (
            <button type="button" onClick={() => ((toast.value = null), shown.undo!())}>
              Undo
            </button>
          )}
          <button type="button" aria-label="Close" onClick={() => (toast.value = null)}>
            ✕
          </button>
        </div>
      )}
      <span class="unseen">{announcement.value}</span>
    </div>
  );
}
