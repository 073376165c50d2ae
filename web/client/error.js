// Why something was not done: the one kind of error that this client rejects with.

/** `code` is one of those that omnitalk.d.ts lists; `cause` what the browser said, where it said something. */
export class OmnitalkError extends Error {
  constructor(code, message, cause) {
    super(message || code, cause && { cause });
    this.name = 'OmnitalkError';
    this.code = code;
  }
}

/** What the browser is asked for; where it refuses, an error with the code that `codeOf` has for the browser's. */
export async function asked(request, codeOf) {
  try {
    return await request();
  } catch (error) {
    throw new OmnitalkError(codeOf(error), error.message, error);
  }
}

/** The same where nothing but the connection can be at fault. */
export const connecting = (request) => asked(request, () => 'media');
