import './style.css'
import { render } from 'preact'
import { App } from './App'
import type { Opening, ToFrame } from './bridge'
import * as chat from './chat'
import * as files from './files'
import { learn, w } from './words'

/** The server lets only a site's own origins frame this page, so whoever frames it and speaks first is that page. */
addEventListener('message', function greet(e: MessageEvent) {
  const opening = e.data as Partial<Opening> | null
  const port = e.ports[0]
  if (e.source !== parent || opening?.hub !== 1 || !port) return
  removeEventListener('message', greet)
  port.onmessage = (m) => {
    const said = m.data as ToFrame
    if (said.t === 'shown') chat.setShown(said.open)
    else if (said.t === 'focus') chat.focusing.value++
    else if (said.t === 'identity') chat.identify(said.identity, true)
    else {
      files.clear()
      chat.open(said.opening, said.leave)
    }
  }
  chat.begin(opening as Opening, port)
})

addEventListener('keydown', (e) => {
  if (e.key === 'Escape' && !e.isComposing) chat.close()
})

void learn().then(() => {
  document.title = w('title')
  render(<App />, document.getElementById('chat')!)
})
