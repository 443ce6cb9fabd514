export { defaultSettings, type Settings } from "../core/settings.ts";
