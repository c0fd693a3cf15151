/** After a form was sent: to the first field that is wrong, into view and with the focus, in every form of the desk. */

const WRONG = '[aria-invalid="true"]'
const TOLD = '[role="alert"]:not(:empty)'

/** Fields become wrong when the hub has answered; whoever has gone on meanwhile, or types again, is left alone. */
function watch(form: HTMLFormElement, pressed: HTMLElement | null): () => void {
  const from = document.activeElement
  let led: Element | null = null
  const lead = () => {
    const now = document.activeElement
    if (now !== document.body && now !== from && now !== pressed && now !== led) return
    const field = [...form.querySelectorAll<HTMLElement>(WRONG)].find((one) => one.getClientRects().length > 0)
    if (field) {
      if (field === led && now === field) return
      led = field
      field.focus({ preventScroll: true })
      // With its label above and the words below it.
      ;(field.closest('.mantine-InputWrapper-root') ?? field).scrollIntoView({ block: 'center' })
      return
    }
    form.querySelector(TOLD)?.scrollIntoView({ block: 'nearest' })
    // A button that was off while the hub answered has lost the focus.
    if (now === document.body && pressed?.isConnected) pressed.focus({ preventScroll: true })
  }
  const seen = new MutationObserver(() => requestAnimationFrame(lead))
  seen.observe(form, { subtree: true, childList: true, attributes: true, attributeFilter: ['aria-invalid', 'disabled', 'data-loading'] })
  requestAnimationFrame(lead)
  const stop = () => {
    seen.disconnect()
    form.removeEventListener('input', stop)
  }
  form.addEventListener('input', stop)
  return stop
}

export function leadToWrong(): void {
  let stop = () => {}
  const sent = (form: HTMLFormElement, pressed: HTMLElement | null) => {
    stop()
    stop = watch(form, pressed)
  }
  document.addEventListener('submit', (e) => sent(e.target as HTMLFormElement, e.submitter), true)
  // A form that is tried before it is sent (a mailbox's Test).
  document.addEventListener(
    'click',
    (e) => {
      const button = e.target instanceof Element ? e.target.closest<HTMLElement>('form button[data-tries]') : null
      const form = button?.closest('form')
      if (form) sent(form, button)
    },
    true,
  )
}
