import { createI18n } from 'vue-i18n'
import en from '@/i18n/en.json'
import fr from '@/i18n/fr.json'

export const LANGUAGES = ['en', 'fr'] as const
export type Language = (typeof LANGUAGES)[number]

const STORED = 'imaging-language'

function firstLanguage(): Language {
  const kept = localStorage.getItem(STORED)
  if (kept === 'en' || kept === 'fr') return kept
  return navigator.language.toLowerCase().startsWith('fr') ? 'fr' : 'en'
}

export const i18n = createI18n({
  legacy: false,
  locale: firstLanguage(),
  fallbackLocale: 'en',
  messages: { en, fr },
})

export function setLanguage(language: Language): void {
  i18n.global.locale.value = language
  localStorage.setItem(STORED, language)
  document.documentElement.lang = language
}

document.documentElement.lang = i18n.global.locale.value
