// Requests to the server. A 401 opens the log-in and repeats the request after it.
import { signal } from "@preact/signals";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly position: number | null,
    readonly request: string,
  ) {
    super(message);
  }
}

export interface Session {
  user: string | null;
  role: string | null;
  read_only: boolean;
  version: string;
  /** What is served, in short, and where it is if one may know. */
  store: string;
  store_uri: string;
}

export const session = signal<Session | null>(null);
export const online = signal(true);
/** Set while somebody has to log in: to be called when it is done. */
export const loginWanted = signal<(() => void) | null>(null);

let loggedIn: Promise<void> | null = null;

function logIn(): Promise<void> {
  loggedIn ??= new Promise<void>((done) => {
    loginWanted.value = () => {
      loginWanted.value = loggedIn = null;
      done();
    };
  });
  return loggedIn;
}

const url = (path: string) => new URL(path, document.baseURI);

export async function send(path: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url(path), { credentials: "same-origin", ...options });
    online.value = true;
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    online.value = false;
    throw new ApiError("The server does not answer.", 0, "OFFLINE", null, "");
  }
  if (answer.status === 401 && path !== "login") {
    await answer.text(); // a body that nobody reads holds its connection
    await logIn();
    return send(path, options);
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

async function failure(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  let problem: { message?: string; error_code?: string } = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem.message = text.slice(0, 300) || answer.statusText;
  }
  const position = / at position (\d+)/.exec(problem.message ?? "")?.[1]; // of a filter
  return new ApiError(
    problem.message || `The server answers ${answer.status}.`,
    answer.status,
    problem.error_code ?? "",
    position === undefined ? null : Number(position),
    answer.headers.get("x-request-id") ?? "",
  );
}

async function json(path: string, options: RequestInit): Promise<any> {
  return (await send(path, options)).json();
}

/** What answers where there is no server, in a page that was kept; undefined: it does not know. */
type Answerer = (path: string, given: any) => any;
let answerer: Answerer | null = null;
export const answerWith = (found: Answerer) => void (answerer = found);

async function recorded(path: string, given: object): Promise<any> {
  const found = answerer!(path, given);
  if (found === undefined) throw new ApiError("This page was kept without that.", 404, "KEPT", null, "");
  return found;
}

export function call(method: string, path: string, body: object, signal?: AbortSignal): Promise<any> {
  if (answerer) return recorded(path, body);
  const headers = { "Content-Type": "application/json" };
  return json(path, { method, headers, body: JSON.stringify(body), signal });
}

export const post = (path: string, body: object, signal?: AbortSignal) => call("POST", path, body, signal);

export function get(path: string, query: Record<string, string> = {}): Promise<any> {
  if (answerer) return recorded(path, query);
  const text = new URLSearchParams(query).toString();
  return json(text ? `${path}?${text}` : path, {});
}

export const OURS = "api/runlog/1/";
export const MLFLOW = "api/2.0/mlflow/";

/** Whether an id is a logged model's, not a run's: both own files. */
const isModel = (owner: string) => owner.startsWith("m-");
const filesOf = (model: string) => `2.0/mlflow/logged-models/${encodeURIComponent(model)}/artifacts/`;

/** The address of a file of a run or a logged model: as a download, or to be shown in a frame or image. */
export function artifactUrl(owner: string, path: string, preview = false): string {
  const shown: Record<string, string> = preview ? { preview: "true" } : {};
  if (isModel(owner)) {
    const query = new URLSearchParams({ artifact_file_path: path, ...shown });
    return url(`ajax-api/${filesOf(owner)}files?${query}`).href;
  }
  return url(`get-artifact?${new URLSearchParams({ run_id: owner, path, ...shown })}`).href;
}

export interface File {
  path: string;
  is_dir: boolean;
  file_size?: number;
}

/** The files and folders of a run or a logged model below a path, folders first. */
export const list = async (owner: string, path: string): Promise<File[]> => {
  const { files = [] } = isModel(owner)
    ? await get(`api/${filesOf(owner)}directories`, { artifact_directory_path: path })
    : await get(`${MLFLOW}artifacts/list`, { run_id: owner, ...(path && { path }) });
  return files.sort((a: File, b: File) => Number(b.is_dir) - Number(a.is_dir) || (a.path < b.path ? -1 : 1));
};
