// Input methods: Enter that only ends a composition must never submit, search or choose.

/** Whether this key belongs to an input method that is composing. 229 is what older engines say instead. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
