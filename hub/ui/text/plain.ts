/** A name of a file or a person without the characters that turn the direction of writing: none is shown as another. */
export const plainName = (name: string): string => name.replace(/[\u0000-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
