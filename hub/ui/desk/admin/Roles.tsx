/** Roles: what they allow and how far, and who has which. */
import { NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { PermissionFact, Role } from '../../api/schema'
import { complain, explain, say } from '../parts/ask'
import { agents } from '../parts/queries'
import { giveRole, permissions, roleRecords } from './api'
import { Confirm, type Form, RecordsPage, refused } from './kit'

type Scope = 'own' | 'queue' | 'all'
export interface RoleDraft { key: string; name: string; permissions: Record<string, Scope> }
const begin = (r: Role | null): RoleDraft => ({ ...(r ? {} : { key: '' }), name: r?.name ?? '', permissions: r?.permissions ?? {} } as RoleDraft)

/** A role in the reader's language, if it is one of ours. */
const named = (t: TFunction, r: Role) => (r.source === 'built-in' ? t(`role.${r.key}`) : r.name)

/** Work lies with who would lose the right to answer. */
const WORK = 'role.work'
const handedBack = (t: TFunction, n: number | null | undefined) => (n ? t('admin.roles.handedBack', { n }) : t('admin.saved'))

export function RolesPage() {
  const { t } = useTranslation()
  const known = useQuery(permissions).data ?? []
  const granted = (value: unknown) => {
    const all = Object.entries((value ?? {}) as Record<string, Scope>)
    return all.length ? all.map(([p, scope]) => `${t(`perm.${p}`)} (${t(`scope.${scope}`)})`).join(', ') : '–'
  }
  return (
    <RecordsPage<Role, RoleDraft>
      noun="roles" api={roleRecords} begin={begin} title={(r) => named(t, r)}
      facts={(r) => `${t('admin.people', { n: r.people ?? 0 })} · ${t('admin.roles.allows', { n: Object.keys(r.permissions).length })}`}
      shown={(field, value) => (field === 'permissions' ? granted(value) : String(value ?? ''))}
      fields={(form) => <Fields form={form} known={known} />}
      asks={{ code: WORK, title: t('admin.roles.handBackTitle'), act: t('admin.roles.handBack') }} said={(r) => handedBack(t, r.handed_back)}
      below={<People />}
    />
  )
}

function Fields({ form, known }: { form: Form<RoleDraft>; known: PermissionFact[] }) {
  const { t } = useTranslation()
  const { draft, set, wrong, locked, fresh } = form
  const groups = [...new Set(known.map((p) => p.group))]
  return (
    <>
      <TextInput label={t('admin.roles.name')} required withAsterisk={false} maxLength={200} disabled={locked} value={draft.name} error={wrong('name')} onChange={(e) => set({ name: e.currentTarget.value })} data-testid="role-name" />
      {fresh && <TextInput label={t('admin.key')} description={t('admin.keyHint')} required withAsterisk={false} maxLength={40} value={draft.key} error={wrong('key')} onChange={(e) => set({ key: e.currentTarget.value })} data-testid="role-key" />}
      {groups.map((group) => (
        <fieldset key={group} className="permgroup">
          <legend>{t(`permgroup.${group}`)}</legend>
          {known.filter((p) => p.group === group).map((p) => (
            <div key={p.key} className="permline">
              <span id={`perm-${p.key}`}>{t(`perm.${p.key}`)}</span>
              <NativeSelect
                size="xs" aria-labelledby={`perm-${p.key}`} disabled={locked} value={draft.permissions[p.key] ?? ''} error={wrong(`permissions.${p.key}`)} data-testid={`perm-${p.key}`}
                onChange={(e) => {
                  const { [p.key]: _, ...rest } = draft.permissions
                  const scope = e.currentTarget.value as Scope | ''
                  set({ permissions: scope ? { ...rest, [p.key]: scope } : rest })
                }}
                data={[{ value: '', label: t('scope.none') }, ...(p.scoped ? (['own', 'queue', 'all'] as const) : (['all'] as const)).map((s) => ({ value: s, label: t(`scope.${s}`) }))]}
              />
            </div>
          ))}
        </fieldset>
      ))}
    </>
  )
}

/** Who has which role. */
function People() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const people = useQuery(agents).data ?? []
  const roles = useQuery({ queryKey: ['admin', 'roles'], queryFn: async () => (await roleRecords.list()).items }).data ?? []
  const give = useMutation({
    mutationFn: ({ id, role, sure }: { id: number; role: string; sure: boolean }) => giveRole(id, role, sure),
    onSuccess: (given) => say(handedBack(t, given.handed_back)),
    onError: (error) => {
      if (!refused(error, WORK)) complain(error)
    },
    onSettled: () => Promise.all([['agents'], ['admin'], ['session']].map((queryKey) => client.invalidateQueries({ queryKey }))),
  })
  const asked = refused(give.error, WORK) ? give.variables : undefined
  return (
    <section style={{ padding: '16px 14px 0' }} aria-label={t('admin.roles.people')} data-testid="role-people">
      <h2 style={{ fontSize: 14, margin: '0 0 8px' }}>{t('admin.roles.people')}</h2>
      {people.map((a) => (
        <NativeSelect
          key={a.id} size="xs" mb={8} label={a.name} value={a.role} disabled={give.isPending} data-testid={`role-of-${a.id}`} onChange={(e) => give.mutate({ id: a.id, role: e.currentTarget.value, sure: false })}
          data={roles.filter((r) => !r.archived_at || r.key === a.role).map((r) => ({ value: r.key, label: named(t, r) }))}
        />
      ))}
      {asked && <Confirm title={t('admin.roles.handBackTitle')} text={explain(give.error)} act={t('admin.roles.handBack')} busy={give.isPending} close={() => give.reset()} run={() => give.mutate({ ...asked, sure: true })} />}
    </section>
  )
}
