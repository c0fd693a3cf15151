// Calls made before the chat script has arrived wait in this array.
window.Hub = window.Hub || []
document.getElementById('open-chat').addEventListener('click', () => {
  if (Array.isArray(window.Hub)) window.Hub.push(['open'])
  else window.Hub.open()
})
