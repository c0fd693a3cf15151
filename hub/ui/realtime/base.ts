/** The path before ours, where the hub lies below one of its host's: the page server writes it into each page. */
const told = typeof document === 'undefined' ? null : document.querySelector('meta[name="hub-base"]')?.getAttribute('content')

export const base = told?.startsWith('/') ? told : ''
