import { useTranslation } from 'react-i18next'

/** Twelve keys, for the menus of others. */
export function Keypad({ press }: { press: (key: string) => void }) {
  const { t } = useTranslation()
  return (
    <div className="keypad" role="group" aria-label={t('call.keypad')}>
      {['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'].map((k) => (
        <button key={k} type="button" onClick={() => press(k)} data-testid={`key-${k}`}>{k}</button>
      ))}
    </div>
  )
}
