// The pages and their addresses, behind a hash so that the window, a file and a browser serve them alike.
import { createRouter, createWebHashHistory } from "vue-router";

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", redirect: "/today" },
    { path: "/today", component: () => import("./pages/TodayPage.vue"), meta: { nav: "today" } },
    { path: "/villages", component: () => import("./pages/VillagesPage.vue"), meta: { nav: "villages" } },
    {
      path: "/villages/:place",
      component: () => import("./pages/HouseholdsPage.vue"),
      props: true,
      meta: { nav: "villages" },
    },
    {
      path: "/household/:file",
      component: () => import("./pages/HouseholdPage.vue"),
      props: true,
      meta: { nav: "villages" },
    },
    {
      path: "/household/:file/visit/:visit?",
      component: () => import("./pages/VisitPage.vue"),
      props: true,
      meta: { nav: "visits" },
    },
    {
      path: "/household/:file/payment",
      component: () => import("./pages/PaymentPage.vue"),
      props: true,
      meta: { nav: "villages" },
    },
    {
      path: "/household/:file/letters",
      component: () => import("./pages/LettersPage.vue"),
      props: true,
      meta: { nav: "letters" },
    },
    { path: "/visits", component: () => import("./pages/VisitsPage.vue"), meta: { nav: "visits" } },
    { path: "/letters", component: () => import("./pages/LetterVillagesPage.vue"), meta: { nav: "letters" } },
    {
      path: "/letters/:place",
      component: () => import("./pages/LettersPage.vue"),
      props: true,
      meta: { nav: "letters" },
    },
    { path: "/receipts", component: () => import("./pages/ReceiptsPage.vue"), meta: { nav: "receipts" } },
    { path: "/check", component: () => import("./pages/CheckPage.vue"), meta: { nav: "check" } },
    { path: "/sync", component: () => import("./pages/SyncPage.vue"), meta: { nav: "sync" } },
    { path: "/bulletin", component: () => import("./pages/BulletinPage.vue"), meta: { nav: "bulletin" } },
    { path: "/import", component: () => import("./pages/ImportPage.vue"), meta: { nav: "import" } },
    { path: "/assignments", component: () => import("./pages/AssignmentsPage.vue"), meta: { nav: "assignments" } },
    { path: "/watch", component: () => import("./pages/WatchPage.vue"), meta: { nav: "watch" } },
    { path: "/:rest(.*)", redirect: "/today" },
  ],
});
