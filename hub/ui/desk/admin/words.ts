/** The words of the administrator's pages, which come with them: most people never open one. */
import i18n from 'i18next'
import en from '../../locales/admin.en.json'
import zh from '../../locales/admin.zh-CN.json'

i18n.addResourceBundle('en', 'translation', en)
i18n.addResourceBundle('zh-CN', 'translation', zh)
