// The published address of the client for browsers: /omnitalk.js, with the types at /omnitalk.d.ts.

export * from './client/omnitalk.js';
