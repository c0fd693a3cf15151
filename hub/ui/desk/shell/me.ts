/** Who is signed in, and the dialogs that any page may open: handed down by the shell. */
import { createContext, useContext } from 'react'
import type { Me } from '../api'

export const MeContext = createContext<Me | null>(null)

export function useMe(): Me {
  const me = useContext(MeContext)
  if (!me) throw new Error('useMe outside Shell')
  return me
}

/** Whether one's role allows something, by the names in hub/access/permissions.py. */
export function useMay(): (permission: string) => boolean {
  const { permissions } = useMe()
  return (permission) => permission in permissions
}

/** Dialogs any page may open. */
export interface Dialogs { help(): void; compose(contact?: number): void }
export const DialogsContext = createContext<Dialogs>({ help: () => undefined, compose: () => undefined })
export const useDialogs = () => useContext(DialogsContext)
