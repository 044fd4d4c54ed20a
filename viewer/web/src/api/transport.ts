import { ask, askCollection, askJson, send } from '@/api/client'
import * as parse from '@/api/parse'
import * as api from '@/api/routes'
import { FailureError } from '@/domain/failure'
import type { Transport } from '@/sending/transport'

const TUS = { 'Tus-Resumable': '1.0.0' } as const
const PIECE = { ...TUS, 'Content-Type': 'application/offset+octet-stream' } as const

function offsetOf(headers: Headers): number {
  const offset = Number(headers.get('Upload-Offset') ?? Number.NaN)
  if (!Number.isInteger(offset)) throw new FailureError({ kind: 'broken', status: 0 })
  return offset
}

/** Sends over HTTP to one project: larger files by tus 1.0, small ones several at a time. */
export function transportTo(project: number): Transport {
  const root = `/api/project/${project}/upload`

  return {
    mine: (signal) => api.openUploads(project, signal),

    async open(signal) {
      return parse.parseOpenUpload(await askJson(`${root}.json`, { method: 'POST', body: {}, signal })).id
    },

    async files(upload, signal) {
      return (await askCollection(`${root}/${upload}.json`, signal)).map(parse.parseArriving)
    },

    async add(upload, files, sent, signal) {
      const form = new FormData()
      for (const { path, said, bytes } of files) form.append(said, bytes, path)
      await send(`${root}/${upload}/file.json`, { method: 'POST', body: form, sent, signal })
    },

    async announce(length, said, signal) {
      const headers = { ...TUS, 'Upload-Length': String(length), 'Upload-Metadata': said }
      const response = await ask(root, { method: 'POST', headers, signal })
      const location = response.headers.get('Location')
      if (location === null) throw new FailureError({ kind: 'broken', status: 0 })
      return new URL(location, window.location.href).pathname
    },

    locate: (upload, file) => `${root}/${upload}/file/${file}`,

    async offset(location, signal) {
      return offsetOf((await ask(location, { method: 'HEAD', headers: TUS, signal })).headers)
    },

    async send(location, offset, bytes, sent, signal) {
      const headers = { ...PIECE, 'Upload-Offset': String(offset) }
      return offsetOf(await send(location, { method: 'PATCH', body: bytes, headers, sent, signal }))
    },

    async remove(location, signal) {
      await ask(location, { method: 'DELETE', headers: TUS, signal })
    },

    async submit(upload, signal) {
      const told = parse.fields(await askJson(`${root}/${upload}/submit.json`, { method: 'POST', body: {}, signal }))
      return Number(told.job)
    },
  }
}
