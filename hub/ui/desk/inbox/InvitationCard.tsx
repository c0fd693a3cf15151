import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, type Interaction, type Invitation, type InvitationAnswer } from '../api'
import { freshId } from '../../realtime/ids'
import { complain } from '../parts/ask'
import { Icon } from '../parts/icons'
import { eventTime } from '../format'

const answers: InvitationAnswer[] = ['accepted', 'tentative', 'declined']

/** A meeting as a card: what, when, where, who; and our answer, which leaves as an ordinary reply. */
export function InvitationCard({ i, invitation }: { i: Interaction; invitation: Invitation }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const answer = useMutation({
    mutationFn: (said: InvitationAnswer) => api.answerInvitation(i.id, said, freshId()),
    onSuccess: () => client.invalidateQueries({ queryKey: ['conversation', i.conversation_id] }),
    onError: complain,
  })
  const off = invitation.method === 'CANCEL' || invitation.status === 'CANCELLED'
  const asks = invitation.method === 'REQUEST' && !off && !!invitation.organizer
  const organizer = invitation.organizer
  return (
    <section className="invite" aria-label={t('invitation.title')} data-testid="invitation" data-method={invitation.method} data-answer={invitation.answer ?? ''}>
      <div className="hflex">
        <Icon name="clock" small />
        <strong className="grow" style={off ? { textDecoration: 'line-through' } : undefined}>{invitation.summary || t('invitation.title')}</strong>
        {off && <span className="pill bad">{t('invitation.cancelled')}</span>}
        {invitation.answer && <span className="pill ok" data-testid="invitation-answer">{t(`invitation.${invitation.answer}`)}</span>}
      </div>
      {invitation.starts && <div>{eventTime(invitation.starts, invitation.ends ?? null, invitation.all_day ?? false)}{invitation.recurs && ` · ${t('invitation.recurs')}`}</div>}
      {invitation.location && <div className="meta">{invitation.location}</div>}
      {organizer && <div className="meta">{t('invitation.organizer', { name: organizer.name || organizer.address })}</div>}
      {asks && (
        <div className="hflex" role="group" aria-label={t('invitation.answer')} style={{ marginTop: 8, flexWrap: 'wrap' }}>
          {answers.map((said) => (
            <Button
              key={said} variant={invitation.answer === said ? 'filled' : 'default'} loading={answer.isPending && answer.variables === said}
              disabled={answer.isPending} onClick={() => answer.mutate(said)} data-testid={`invitation-${said}`}
            >
              {t(`invitation.say.${said}`)}
            </Button>
          ))}
        </div>
      )}
    </section>
  )
}
