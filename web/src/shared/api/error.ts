/** A refusal by the API, or `unreachable` when no answer came. `message` is a sentence for people, `code` is for programs. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  /** The string in `data` under a field's name, or undefined. */
  field(name: string): string | undefined {
    const value = this.data[name];
    return typeof value === 'string' ? value : undefined;
  }
}

export function toApiError(status: number, body: unknown): ApiError {
  if (!isRecord(body) || typeof body.code !== 'string' || typeof body.message !== 'string') {
    return new ApiError(status, 'internal', `The server answered ${status} without saying why.`);
  }
  return new ApiError(status, body.code, body.message, isRecord(body.data) ? body.data : {});
}

export function unreachable(): ApiError {
  return new ApiError(0, 'unreachable', 'Longshore cannot be reached. Check the connection and try again.');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What an error says of one field, or undefined. */
export function fieldError(error: unknown, name: string): string | undefined {
  return error instanceof ApiError ? error.field(name) : undefined;
}
