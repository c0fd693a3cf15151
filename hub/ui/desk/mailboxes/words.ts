/** The words of the pages of mailboxes, numbers and what is unsettled, which come with them: most people never open one. */
import i18n from 'i18next'
import en from '../../locales/mailboxes.en.json'
import zh from '../../locales/mailboxes.zh-CN.json'

i18n.addResourceBundle('en', 'translation', en)
i18n.addResourceBundle('zh-CN', 'translation', zh)
