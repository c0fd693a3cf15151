import type { MouseEvent } from 'react'
import { available } from '../../api/client'
import { complain } from './ask'

/** A click on a link to a file: asked for before the browser does, whose failed download would not say why. */
export function download(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  const { href, download: name } = event.currentTarget
  available(href).then(() => Object.assign(document.createElement('a'), { href, download: name }).click(), complain)
}
