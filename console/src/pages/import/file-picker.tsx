import { useId } from 'preact/hooks'

/** Chooses a file of this computer. */
export function FilePicker({ onChoose }: { onChoose: (file: File | null) => void }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>File</label>
      <input
        id={id}
        type="file"
        accept=".csv,text/csv"
        onChange={({ currentTarget }) => onChoose(currentTarget.files?.[0] ?? null)}
      />
    </div>
  )
}
