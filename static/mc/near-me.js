// "Use my location": asked for only on a press, rounded to a kilometre, kept nowhere but on this page.
(function () {
  "use strict";
  var button = document.querySelector('[data-module="near-me"]');
  var state = document.getElementById("near-me-state");
  if (!button || !state || !window.isSecureContext || !navigator.geolocation || !window.fetch) return;

  var form = button.form, near = form.elements.near, words = button.textContent;
  var REFUSED = 1;
  button.hidden = false;

  button.addEventListener("click", function () {
    if (form.dataset.position) return forget("Your location is no longer used.");
    state.textContent = "Your browser may ask whether it may share where you are.";
    navigator.geolocation.getCurrentPosition(found, failed, { maximumAge: 600000, timeout: 15000 });
  });

  // A ZIP code that is typed counts more.
  near.addEventListener("input", function () {
    if (form.dataset.position && near.value.trim()) forget("The ZIP code is used in place of your location.");
  });

  function found(position) {
    near.value = "";
    button.textContent = "Stop using my location";
    state.textContent = "Places near you come first. Your location is used for this search only and not kept.";
    move(position.coords.latitude.toFixed(2) + "," + position.coords.longitude.toFixed(2));
  }

  function failed(error) {
    state.textContent = error.code === REFUSED
      ? "Your browser did not share your location. You can type your ZIP code instead."
      : "Your browser could not tell where you are. You can type your ZIP code instead.";
  }

  function forget(why) {
    button.textContent = words;
    state.textContent = why;
    move("");
  }

  function move(position) {
    if (position) form.dataset.position = position;
    else delete form.dataset.position;
    form.dispatchEvent(new Event("moved"));
  }
})();
