// Count down to the closing of the link; say so, aloud too, two minutes before the end.
(function () {
  "use strict";
  var note = document.querySelector('[data-module="closing-time"]');
  if (!note) return;
  var end = Date.now() + Number(note.dataset.minutes) * 60000;
  var timer = setInterval(function () {
    var left = Math.ceil((end - Date.now()) / 60000);
    if (left <= 2 && !note.hasAttribute("role")) {
      note.setAttribute("role", "status");
      note.classList.add("mc-urgent");
    }
    if (left >= 120) return;
    if (left <= 0) {
      clearInterval(timer);
      note.textContent = "This page has closed. Go back to your app for a new link.";
    } else {
      var words = "For your safety this page closes in " + left + (left === 1 ? " minute." : " minutes.");
      if (note.textContent !== words) note.textContent = words; // a screen reader repeats what is written again
    }
  }, 15000);
})();
