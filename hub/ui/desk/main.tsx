import './mantine.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './desk.css'
import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Problem, type Conversation } from './api'
import { ready } from './i18n'
import { leadToWrong } from './parts/forms'
import { router } from './router'
import { onDelivered } from './state/outbox'
import { withAnswer } from './state/reducers'
import { theme, variables } from './theme'

// Vite leaves the page's nonce in this meta tag; the scroll lock and Mantine put it on the styles they add.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
setNonce(nonce)

/** An answer that says "not signed in" or "not allowed" is news for the whole desk, whoever asked. */
const gone = (error: unknown) => {
  if (error instanceof Problem && (error.status === 401 || error.status === 403)) void client.invalidateQueries({ queryKey: ['session'] })
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: gone }),
  mutationCache: new MutationCache({ onError: gone }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
      refetchOnWindowFocus: false,
    },
  },
})

onDelivered((item, stored) => {
  client.setQueryData<Conversation>(['conversation', item.conversation], (c) => c && withAnswer(c, stored))
  for (const key of [['timeline'], ['counts'], ['list']]) void client.invalidateQueries({ queryKey: key })
  // What was due is answered: the header's clock stops.
  if (item.kind === 'message') void client.invalidateQueries({ queryKey: ['conversation', item.conversation] })
})

leadToWrong()

const show = () => createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      colorSchemeManager={localStorageColorSchemeManager({ key: 'hub.desk.scheme' })}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={client}>
        <Notifications position="bottom-left" limit={3} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)

void ready.then(show)
