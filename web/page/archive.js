// The recordings that the server keeps, over its HTTP API. The API token, where one is needed, lives as long as the tab.

const ROOT = '/api/v1/recordings';
const STORED = 'omnigate.api-token';

let token = stored();

function stored() {
  try {
    return sessionStorage.getItem(STORED) ?? '';
  } catch {
    return ''; // storage may be forbidden: then the token lives as long as the page
  }
}

export function setToken(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(STORED, value);
    else sessionStorage.removeItem(STORED);
  } catch {
    // only the memory of it is lost
  }
}

export const hasToken = () => Boolean(token);

/** `code`: `connect`, `token` (none, or a wrong one), `gone`, or `refused` with the server's reason as the message. */
class ArchiveError extends Error {
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

async function ask(path, method = 'GET') {
  let answer;
  try {
    answer = await fetch(ROOT + path, { method, cache: 'no-store', headers: token ? { authorization: `Bearer ${token}` } : {} });
  } catch (error) {
    throw new ArchiveError('connect', error.message);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) throw new ArchiveError('token');
  if (answer.status === 404) throw new ArchiveError('gone');
  const problem = await answer.json().catch(() => ({}));
  throw new ArchiveError('refused', problem.detail ?? `${answer.status} ${answer.statusText}`);
}

/** The newest `limit` recordings of a service, or those before one. */
export async function listRecordings(service, limit, before) {
  const query = new URLSearchParams({ service_id: service, limit, ...(before && { before }) });
  return (await (await ask(`?${query}`)).json()).recordings;
}

export const getRecording = async (id) => (await ask(`/${id}`)).json();

export const deleteRecording = (id) => ask(`/${id}`, 'DELETE');

export const fileAddress = (id, name) => `${ROOT}/${id}/files/${encodeURIComponent(name)}`;

/** An address that an element can load: elements send no token, so with one the file is fetched first. */
export async function loadable(id, name) {
  if (!token) return { address: fileAddress(id, name), release() {} };
  let blob;
  try {
    blob = await (await ask(`/${id}/files/${encodeURIComponent(name)}`)).blob();
  } catch (error) {
    throw error instanceof ArchiveError ? error : new ArchiveError('connect', error.message);
  }
  const address = URL.createObjectURL(blob);
  return { address, release: () => URL.revokeObjectURL(address) };
}
