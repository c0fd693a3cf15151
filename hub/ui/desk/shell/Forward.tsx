import { useMatch, useNavigate, useRouter } from '@tanstack/react-router'
import { useLayoutEffect } from 'react'

const bare = (path: string) => path.replace(/\/+$/, '')

/**
 * What an address shows that stands for another one: it leads there, once, while it still is the address.
 *
 * Until a page is loaded the screen holds what was there before, under the page's address already. The router's own `Navigate` leads on
 * whenever it is shown, and so takes somebody back who has meanwhile gone elsewhere.
 */
export function Forward({ to, view }: { to: string; view?: string }) {
  const router = useRouter()
  const navigate = useNavigate()
  const own = useMatch({ strict: false, select: (match) => match.pathname })
  useLayoutEffect(() => {
    if (bare(router.latestLocation.pathname) !== bare(own)) return
    void navigate({ to: to as '/inbox/$view', params: { view: view ?? '' }, replace: true }) // whatever is no page says so itself
  }, [router, navigate, own, to, view])
  return null
}
