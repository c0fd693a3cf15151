import { Modal, Switch } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { usePref } from '../state/prefs'

const rows: [string[], string][] = [
  [['Ctrl K'], 'palette'], [['J', 'K'], 'move'], [['Enter'], 'open'], [['R'], 'reply'], [['N'], 'note'], [['A'], 'assign'],
  [['S'], 'snooze'], [['E'], 'close'], [['M'], 'canned'], [['C'], 'compose'], [[']'], 'panel'], [['/'], 'search'],
  [['G', 'I'], 'goInbox'], [['G', 'Q'], 'goQueues'], [['G', 'C'], 'goContacts'], [['G', 'D'], 'goBoard'],
  [['Ctrl ↵'], 'send'], [['Ctrl Shift ↵'], 'sendClose'], [['Alt A'], 'accept'], [['Alt D'], 'decline'], [['?'], 'help'],
]

export function Shortcuts({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useTranslation()
  const [letters, setLetters] = usePref('letters', true)
  return (
    <Modal opened={opened} onClose={close} title={t('shortcuts.title')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Switch
        checked={letters} onChange={(e) => setLetters(e.currentTarget.checked)} label={t('shortcuts.letters')}
        description={t('shortcuts.lettersHint')} mb="md"
      />
      <dl className="keygrid">
        {rows.map(([keys, name]) => (
          <div key={name}>
            <dt>{keys.map((k) => <kbd key={k}>{k}</kbd>)}</dt>
            <dd>{t(`keys.${name}`)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
