// Starts the ui: text, look, pages, and the first question to the desk.
import "@fontsource/noto-sans-sc/400.css";
import "@fontsource/noto-sans-sc/700.css";
import "@fontsource/noto-serif-sc/700.css";
import { createPinia } from "pinia";
import { createApp } from "vue";

import App from "./App.vue";
import { dress } from "./appearance";
import { router } from "./router";
import "./style/tokens.css";
import "./style/base.css";
import { chooseLang, i18n, lang } from "./text";

dress();
chooseLang(lang.value);
createApp(App).use(createPinia()).use(i18n).use(router).mount("#app");
