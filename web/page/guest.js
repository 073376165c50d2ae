// Who comes by a join token: the address of the page ends with #join=TOKEN.

/** What the token of the address says; null where there is none. The server judges it. */
export function invitation() {
  const token = new URLSearchParams(location.hash.slice(1)).get('join');
  if (!token?.startsWith('omj_')) return null;
  try {
    const payload = token.slice('omj_'.length).split('.')[0].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const said = JSON.parse(new TextDecoder().decode(bytes));
    const room = { room_id: said.room_id, room_type: said.room_type, subject: said.subject, secret: false };
    return { token, room, serviceId: said.service_id, userId: said.user_id, name: said.user_name ?? said.user_id };
  } catch {
    return null;
  }
}
