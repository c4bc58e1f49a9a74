// The theme that was chosen, before anything is drawn.
{
  let theme = 'auto'
  try { theme = localStorage.getItem('theme') ?? 'auto' } catch { /* storage is off */ }
  if (theme !== 'auto') document.documentElement.dataset.theme = theme
}
