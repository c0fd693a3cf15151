import type { Upload } from '../api'

/** Pictures that stand in the text of a mail, as `![name](upload:7)`: the ids of their uploads. */
export const pictures = (text: string): number[] => [...text.matchAll(/!\[[^\]\n]*\]\(upload:(\d+)\)/g)].map((m) => Number(m[1]))

/** The text with a picture put into it. */
export const placed = (text: string, at: number, picture: Upload): string =>
  `${text.slice(0, at)}![${picture.name.replace(/[[\]\n]/g, ' ')}](upload:${picture.id})${text.slice(at)}`

/** The text without a picture, wherever it stands. */
export const removed = (text: string, id: number): string => text.replace(new RegExp(`!\\[[^\\]\\n]*\\]\\(upload:${id}\\)`, 'g'), '')
