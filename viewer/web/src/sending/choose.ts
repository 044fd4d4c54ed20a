import type { Chosen } from '@/domain/sending'

/** The files of an input, under the path that a chosen folder gives them. */
export function filesOf(list: FileList | null | undefined): readonly Chosen[] {
  return [...(list ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }))
}

/** The files that were dropped, those in dropped folders too. */
export async function dropped(data: DataTransfer | null): Promise<readonly Chosen[]> {
  if (data === null) return []
  // Taken at once: after the event the browser forgets them.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry())
  if (entries.every((entry) => entry === null)) return filesOf(data.files)
  const found: Chosen[] = []
  for (const entry of entries) if (entry !== null) await gather(entry, found)
  return found
}

async function gather(entry: FileSystemEntry, found: Chosen[]): Promise<void> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    found.push({ file, path: entry.fullPath.replace(/^\//, '') })
  } else if (isFolder(entry)) {
    const reader = entry.createReader()
    // Browsers give the entries of a folder a hundred at a time, and none at its end.
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
      if (some.length === 0) return
      for (const one of some) await gather(one, found)
    }
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory
