import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Contact } from '../api'
import { complain } from '../parts/ask'

/** A change of a customer's record: whatever shows it is read again. */
export function useChange(id: number) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (run: () => Promise<Contact>) => run(),
    onSuccess: (fresh) => {
      client.setQueryData(['contact', id], fresh)
      for (const key of [['contact'], ['timeline'], ['contacts'], ['list'], ['conversation']]) void client.invalidateQueries({ queryKey: key })
    },
    onError: complain,
  })
}
